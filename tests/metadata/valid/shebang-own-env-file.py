#!/usr/bin/env python conda_execute.py

# conda execute
# env:
#  - python >=3

print('hello')
