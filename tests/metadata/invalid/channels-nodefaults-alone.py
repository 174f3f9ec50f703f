#!/usr/bin/env python

# conda execute
# env: [python]
# channels: [nodefaults]

print('hello')
