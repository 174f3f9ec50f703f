#!/usr/bin/env python

# conda execute
# env:
#  - python 3 h5py

print('hello')
