#!/usr/bin/env -S conda-execute --quiet

# conda execute
# env:
#  - python >=3

print('hello')
