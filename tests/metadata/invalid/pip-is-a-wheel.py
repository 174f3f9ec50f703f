#!/usr/bin/env python

# conda execute
# env:
#  - pip:
#     - mine-1.0-py3-none-any.whl

print('hello')
