#!/usr/bin/env python

# conda execute
# env:
#  - python
# @author me

print('hello')
