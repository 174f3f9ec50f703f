#!/usr/bin/env python

# conda execute
# env:
#  - numpy scipy  # [linux]

print('hello')
