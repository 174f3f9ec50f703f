#!/usr/bin/env python

# conda execute
# env:
#  - "numpy\e[31m"

print('hello')
