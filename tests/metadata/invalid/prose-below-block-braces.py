#!/usr/bin/env python

# conda execute
# env:
#  - python
# Usage: {a} b

print('hello')
