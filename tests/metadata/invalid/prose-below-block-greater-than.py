#!/usr/bin/env python

# conda execute
# env:
#  - python
# > draws some numbers

print('hello')
