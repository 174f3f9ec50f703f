#!/usr/bin/env python

# conda execute
# env:
#  - [31mnumpy

print('hello')
