#!/usr/bin/env python

# conda execute
# env:
#  - ./local::numpy

print('hello')
