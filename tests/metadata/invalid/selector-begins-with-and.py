#!/usr/bin/env python

# conda execute
# env:
#  - pywin32  # [and win]

print('hello')
