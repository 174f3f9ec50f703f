#!/usr/bin/env python

# conda execute
# env:
#  - 3.10

print('hello')
