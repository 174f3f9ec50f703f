#!/usr/bin/env python

# conda execute
# env:
#  - python
#  - pip >=20
#    - rich

print('hello')
