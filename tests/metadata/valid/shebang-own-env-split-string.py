#!/usr/bin/env --split-string=conda-execute -v

# conda execute
# env:
#  - python >=3

print('hello')
