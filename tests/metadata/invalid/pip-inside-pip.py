#!/usr/bin/env python

# conda execute
# env:
#  - pip:
#     - pip:
#        - rich

print('hello')
