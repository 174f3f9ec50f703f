#!/usr/bin/env python

# conda execute
# env:
#  - python >=3.8 h5py

print('hello')
