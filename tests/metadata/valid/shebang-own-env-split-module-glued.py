#!/usr/bin/env -S python -mconda_execute

# conda execute
# env:
#  - python >=3

print('hello')
