#!/usr/bin/env python

# conda execute
# env:
#  - python	# any

print('hello')
