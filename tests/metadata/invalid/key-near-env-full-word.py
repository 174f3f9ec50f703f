#!/usr/bin/env python

# conda execute
# environment:
#  - python

print('hello')
