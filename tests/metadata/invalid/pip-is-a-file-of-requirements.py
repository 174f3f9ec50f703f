#!/usr/bin/env python

# conda execute
# env:
#  - python
#  - pip:
#     - -r requirements.txt

print('hello')
