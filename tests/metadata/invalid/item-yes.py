#!/usr/bin/env python

# conda execute
# env:
#  - yes

print('hello')
