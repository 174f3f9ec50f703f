#!/usr/bin/env python

# conda execute
# env:
#  - python
#  - pip:
#     - -c constraints.txt
#     - rich

print('hello')
