#!/usr/bin/env python

# conda execute
# env:
#  - numpy/1.26

print('hello')
