#!/usr/bin/env python

# conda execute
# env:
#  - python
#  - pip:
#     - six @ ./localsix

print('hello')
