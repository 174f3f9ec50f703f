#!/usr/bin/env python

# conda execute
# env:
#  - python
#    and some more words

print('hello')
