#!/usr/bin/env python

# conda execute
# env:
#    numpy
#  - python

print('hello')
