#!/usr/bin/env python

# conda execute
# Env:
#  - python

print('hello')
