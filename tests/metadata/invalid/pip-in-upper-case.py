#!/usr/bin/env python

# conda execute
# env:
#  - python
#  - PIP:
#     - rich

print('hello')
