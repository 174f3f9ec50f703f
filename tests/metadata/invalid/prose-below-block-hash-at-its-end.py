#!/usr/bin/env python

# conda execute
# env:
#  - python
# more text #

print('hello')
