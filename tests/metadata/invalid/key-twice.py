#!/usr/bin/env python

# conda execute
# env:
#  - python
# env:
#  - numpy

print('hello')
