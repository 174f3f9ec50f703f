#!/usr/bin/env python

# conda execute
# env:
#  - python
# channel:
#  - conda-forge

print('hello')
