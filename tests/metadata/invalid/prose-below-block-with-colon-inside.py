#!/usr/bin/env python

# conda execute
# env:
#  - python
# Usage is simple: run it

print('hello')
