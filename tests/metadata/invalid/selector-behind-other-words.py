#!/usr/bin/env python

# conda execute
# env:
#  - python
#  - pywin32  # only there [win]

print('hello')
