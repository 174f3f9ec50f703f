#!/usr/bin/env python

# conda execute
# env:
#  - !!str python

print('hello')
