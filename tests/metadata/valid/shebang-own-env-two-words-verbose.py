#!/usr/bin/env conda execute -v

# conda execute
# env:
#  - python >=3

print('hello')
