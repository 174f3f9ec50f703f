#!/usr/bin/env python

# conda execute
# channels: [conda-forge]

print('hello')
