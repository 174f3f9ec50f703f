#!/usr/bin/env python

# conda execute
# env:
#  - null

print('hello')
