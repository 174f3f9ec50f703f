#!/usr/bin/env python

# conda execute
# env:
#  - python
# - see the manual

print('hello')
