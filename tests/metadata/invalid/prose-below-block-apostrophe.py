#!/usr/bin/env python

# conda execute
# env:
#  - python
# 'quoted' words

print('hello')
