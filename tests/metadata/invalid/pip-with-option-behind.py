#!/usr/bin/env python

# conda execute
# env:
#  - pip:
#     - rich --pre

print('hello')
