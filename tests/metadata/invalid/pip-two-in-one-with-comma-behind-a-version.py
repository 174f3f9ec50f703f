#!/usr/bin/env python

# conda execute
# env:
#  - python
#  - pip:
#     - rich>=13, httpx

print('hello')
