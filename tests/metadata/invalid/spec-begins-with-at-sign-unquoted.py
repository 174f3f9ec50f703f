#!/usr/bin/env python

# conda execute
# env:
#  - @EXPLICIT

print('hello')
