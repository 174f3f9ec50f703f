#!/usr/bin/env python

# conda execute
# env:
#  - python
#  - rich[jupyter]>=13

print('hello')
