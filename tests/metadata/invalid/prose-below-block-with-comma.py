#!/usr/bin/env python

# conda execute
# env:
#  - python
# Draws numbers, and so on.

print('hello')
