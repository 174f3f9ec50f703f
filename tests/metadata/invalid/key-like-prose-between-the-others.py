#!/usr/bin/env python

# conda execute
# env: [python]
# Note: it draws numbers
# channels: [conda-forge]

print('hello')
