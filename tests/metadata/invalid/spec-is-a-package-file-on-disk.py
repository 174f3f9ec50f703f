#!/usr/bin/env python

# conda execute
# env:
#  - /tmp/numpy-1.26.0-py311_0.tar.bz2

print('hello')
