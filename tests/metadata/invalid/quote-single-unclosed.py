#!/usr/bin/env python

# conda execute
# env:
#  - 'python >=3

print('hello')
