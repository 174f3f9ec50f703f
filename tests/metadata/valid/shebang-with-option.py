#!/usr/bin/env python -i

# conda execute
# env:
#  - python >=3

print('hello')
