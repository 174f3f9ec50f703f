#!/usr/bin/env python

# conda execute
# env:
#  - pywin32  # [Win]

print('hello')
