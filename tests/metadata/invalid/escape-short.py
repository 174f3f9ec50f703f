#!/usr/bin/env python

# conda execute
# env:
#  - "\x4"

print('hello')
