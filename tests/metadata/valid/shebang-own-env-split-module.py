#!/usr/bin/env -S python -m conda_execute

# conda execute
# env:
#  - python >=3

print('hello')
