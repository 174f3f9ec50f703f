#!/usr/bin/env python

# conda execute
# env:
#  - python
# https://example.org/docs

print('hello')
