#!/usr/bin/env python

# conda execute
# env:
#  - python
# conda-forge::gdal

print('hello')
