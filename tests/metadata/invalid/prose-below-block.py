#!/usr/bin/env python

# conda execute
# env:
#  - python
# This script draws some numbers.

print('hello')
