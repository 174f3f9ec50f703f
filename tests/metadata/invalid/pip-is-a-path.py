#!/usr/bin/env python

# conda execute
# env:
#  - pip:
#     - ./dist/mine.whl

print('hello')
