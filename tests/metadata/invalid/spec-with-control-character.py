#!/usr/bin/env python

# conda execute
# env:
#  - "numpy\x01"

print('hello')
