#!/usr/bin/env python

# conda execute
# env:
#  - python
#  - if: linux
#    then: numpy

print('hello')
