#!/usr/bin/env python

# conda execute
# env:
#  - conda-forge/numpy

print('hello')
