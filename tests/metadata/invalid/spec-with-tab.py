#!/usr/bin/env python

# conda execute
# env:
#  - "numpy\t>=1"

print('hello')
