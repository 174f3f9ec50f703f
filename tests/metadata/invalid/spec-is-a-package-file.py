#!/usr/bin/env python

# conda execute
# env:
#  - numpy-1.26.0-py311_0.conda

print('hello')
