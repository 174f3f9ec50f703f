#!/usr/bin/env python

# conda execute
# dependencies:
#  - python

print('hello')
