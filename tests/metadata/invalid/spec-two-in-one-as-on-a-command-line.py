#!/usr/bin/env python

# conda execute
# env:
#  - python=3.9 numpy=1.2

print('hello')
