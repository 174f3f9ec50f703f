#!/usr/bin/env -S conda --no-plugins execute

# conda execute
# env:
#  - python >=3

print('hello')
