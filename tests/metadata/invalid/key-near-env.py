#!/usr/bin/env python

# conda execute
# enviroment:
#  - python

print('hello')
