#!/usr/bin/env python

# conda execute
# env:
#  - numpy
#  python: ">=3.9"

print('hello')
