#!/usr/bin/env python

# conda execute
# env:
#  - pip:
#     - https://example.org/mine.whl

print('hello')
