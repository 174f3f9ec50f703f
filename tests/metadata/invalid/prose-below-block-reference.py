#!/usr/bin/env python

# conda execute
# env:
#  - python
# [1] a reference: see there

print('hello')
