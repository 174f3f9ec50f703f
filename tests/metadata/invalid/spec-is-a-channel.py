#!/usr/bin/env python

# conda execute
# env:
#  - python
#  - -c conda-forge

print('hello')
