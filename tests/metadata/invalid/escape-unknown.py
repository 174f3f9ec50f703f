#!/usr/bin/env python

# conda execute
# env:
#  - "numpy \d"

print('hello')
