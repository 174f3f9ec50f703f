#!/usr/bin/env python

# conda execute
# env:
#  - pip:
#     - "rich\n-r x"

print('hello')
