#!/usr/bin/env python

# conda execute
# env:
#  - nodejs
#  - npm:
#     - x

print('hello')
