#!/usr/bin/env python

# conda execute
# env:
#  - https://example.org/linux-64/numpy-1.26.0-py311_0.conda

print('hello')
