#!/usr/bin/env python

# conda execute
# env:
#  - pip:
#     - mine-1.0.tar.gz

print('hello')
