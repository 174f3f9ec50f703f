#!/usr/bin/env python3

# conda execute
# env:
#  - python >=3

print('hello')
