#!/usr/bin/env python

# conda execute
# platforms:
#  - linux-64
# env: [python]

print('hello')
