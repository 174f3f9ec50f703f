#!/usr/bin/env conda execute

# conda execute
# env:
#  - python >=3

print('hello')
