#!/usr/bin/env -S python conda_execute.py

# conda execute
# env:
#  - python >=3

print('hello')
