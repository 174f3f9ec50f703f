#!/usr/bin/env python

# conda execute
# channels: [conda-forge]
#  env:
#   - python

print('hello')
