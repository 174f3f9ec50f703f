#!/usr/bin/env python

# conda execute
# env:
#  - python
# Author: "me

print('hello')
