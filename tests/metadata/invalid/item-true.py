#!/usr/bin/env python

# conda execute
# env:
#  - true

print('hello')
