#!/usr/bin/env python

# conda execute
# env:
#  - "numpy\n@EXPLICIT"

print('hello')
