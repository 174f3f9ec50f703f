#!/usr/bin/env python

# conda execute
# env:
#  - python
# name: my-env

print('hello')
