#!/usr/bin/env python

# conda execute
# env:
#  - python
# Imports
#  - numpy

print('hello')
