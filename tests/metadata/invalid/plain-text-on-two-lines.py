#!/usr/bin/env python

# conda execute
# env:
#  - python
#     >=3,<4

print('hello')
