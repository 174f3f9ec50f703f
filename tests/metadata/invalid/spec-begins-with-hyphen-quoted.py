#!/usr/bin/env python

# conda execute
# env:
#  - '-c evil'

print('hello')
