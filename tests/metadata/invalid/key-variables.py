#!/usr/bin/env python

# conda execute
# env: [python]
# variables:
#   A: 1
#   B: 2
# channels: [conda-forge]

print('hello')
