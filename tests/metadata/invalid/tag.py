#!/usr/bin/env python

# conda execute
# env: !!seq
#  - python

print('hello')
