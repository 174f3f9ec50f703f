#!/usr/bin/env python

# conda execute
# env:
# channels: [conda-forge]

print('hello')
