#!/usr/bin/env python

# conda execute
# env:
#  - python
# noqa

print('hello')
