#!/usr/bin/env python

# conda execute
# env:
#  - python
#  - pip:
#     - -e .

print('hello')
