#!/usr/bin/env python

# conda execute
# env:
#  - python
# run-with: python

print('hello')
