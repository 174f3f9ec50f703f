#!/usr/bin/env python

# conda execute
# env:
# more text #
#  - python

print('hello')
