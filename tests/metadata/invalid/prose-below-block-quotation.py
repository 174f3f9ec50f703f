#!/usr/bin/env python

# conda execute
# env:
#  - python
# 'tis all

print('hello')
