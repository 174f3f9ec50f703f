#!/usr/bin/env python

# conda execute
# env:
#  - a b c d e f g h i j

print('hello')
