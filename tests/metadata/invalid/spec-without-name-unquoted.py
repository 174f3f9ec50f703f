#!/usr/bin/env python

# conda execute
# env:
#  - >=1.2

print('hello')
