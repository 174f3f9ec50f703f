#!/usr/bin/env python

# conda execute
# env:
#  - *py

print('hello')
