#!/usr/bin/env python

# conda execute
# env:
#  - numpy scipy

print('hello')
