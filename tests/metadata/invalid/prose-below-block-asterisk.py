#!/usr/bin/env python

# conda execute
# env:
#  - python
# *Note* that it draws numbers

print('hello')
