#!/usr/bin/env python

# conda execute
# env:
#  - python
#  - pip:
#     - -rrequirements.txt

print('hello')
