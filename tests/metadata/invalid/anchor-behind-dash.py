#!/usr/bin/env python

# conda execute
# env:
#  - &py python

print('hello')
