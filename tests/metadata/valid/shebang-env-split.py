#!/usr/bin/env -S python -u

# conda execute
# env:
#  - python >=3

print('hello')
