#!/usr/bin/env python

# conda execute
# env:
#  - python
#  - pip:
#     - rich[jupyter,x]>=13 httpx

print('hello')
