#!/usr/bin/env python

# conda execute
# env:
#  - python
#  - pip:
#     - rich
#   channels:
#    - conda-forge

print('hello')
