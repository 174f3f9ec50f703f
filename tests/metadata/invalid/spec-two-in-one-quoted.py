#!/usr/bin/env python

# conda execute
# env:
#  - "numpy, scipy >=1"

print('hello')
