#!/usr/bin/env python

# conda execute
# env:
#  - python
# <https://example.org>: the manual

print('hello')
