#!/usr/bin/env python

# conda execute
# env:
#  - numpy[version]

print('hello')
