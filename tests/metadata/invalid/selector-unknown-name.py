#!/usr/bin/env python

# conda execute
# env:
#  - pywin32  # [windows]

print('hello')
