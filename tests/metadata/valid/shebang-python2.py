#!/usr/bin/python2

# conda execute
# env:
#  - python >=3

print('hello')
