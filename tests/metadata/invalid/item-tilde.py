#!/usr/bin/env python

# conda execute
# env:
#  - ~

print('hello')
