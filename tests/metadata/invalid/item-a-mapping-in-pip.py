#!/usr/bin/env python

# conda execute
# env:
#  - pip:
#    - rich: 13

print('hello')
