#!/usr/bin/env python

# conda execute
# env:
#  - 2024-01-01

print('hello')
