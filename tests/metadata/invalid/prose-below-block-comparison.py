#!/usr/bin/env python

# conda execute
# env:
#  - python
# a >= b is true

print('hello')
