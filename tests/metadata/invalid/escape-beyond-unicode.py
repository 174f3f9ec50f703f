#!/usr/bin/env python

# conda execute
# env:
#  - "\U00110000"

print('hello')
