#!/usr/bin/env python

# conda execute
# env:
#  - python
#  - pip:
#     - six =>1.16, =<2

print('hello')
