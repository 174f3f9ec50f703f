#!/usr/bin/env python

# conda execute
# env:
#  - numpy[version='>=1'] x

print('hello')
