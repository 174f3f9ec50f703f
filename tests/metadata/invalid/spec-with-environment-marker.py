#!/usr/bin/env python

# conda execute
# env:
#  - numpy >=1; python_version > '3'

print('hello')
