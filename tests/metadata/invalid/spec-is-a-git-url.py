#!/usr/bin/env python

# conda execute
# env:
#  - git+https://github.com/numpy/numpy

print('hello')
