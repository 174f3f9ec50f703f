#!/usr/bin/env python

# conda execute
# name: demo
# channels:
#  - conda-forge
# dependencies:
#  - python

print()
