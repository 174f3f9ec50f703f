#!/usr/bin/env python

# conda execute
# env:
#  - numpy conda-forge::gdal

print('hello')
