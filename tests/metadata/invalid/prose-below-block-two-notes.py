#!/usr/bin/env python

# conda execute
# env:
#  - python
# Note: a
# Note: b

print('hello')
