#!/usr/bin/env python

# conda execute
# env:
#  - "\ud800"

print('hello')
