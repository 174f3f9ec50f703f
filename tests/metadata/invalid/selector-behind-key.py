#!/usr/bin/env python

# conda execute
# env:  # [win]
#  - python

print('hello')
