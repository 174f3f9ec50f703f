#!/usr/bin/env python

# conda execute
# env:
#  - python
#  - pip:
#     - rich==13 httpx>=0.2,<1

print('hello')
