#!/usr/bin/env python

# conda execute
# env:
#  - “numpy”

print('hello')
