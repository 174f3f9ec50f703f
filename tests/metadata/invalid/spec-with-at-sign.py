#!/usr/bin/env python

# conda execute
# env:
#  - numpy @ x

print('hello')
