#!/usr/bin/env python

# conda execute
# env:
#  - python
# Note: this script draws numbers.

print('hello')
