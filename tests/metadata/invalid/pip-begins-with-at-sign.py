#!/usr/bin/env python

# conda execute
# env:
#  - pip:
#     - '@x'

print('hello')
