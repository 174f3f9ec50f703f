#!/usr/bin/env python

# conda execute
#  - python
#  - numpy

print('hello')
