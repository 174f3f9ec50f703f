#!/usr/bin/env python

# conda execute
# env:
#  - pip:
#     - rich >=1/../mine

print('hello')
