#!/usr/bin/env python

# conda execute
# env:
#  - python
#  - sel(linux): numpy

print('hello')
