#!/usr/bin/env python

# conda execute
# env:
#  - numpу

print('hello')
