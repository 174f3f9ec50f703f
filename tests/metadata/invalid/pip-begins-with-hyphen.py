#!/usr/bin/env python

# conda execute
# env:
#  - pip:
#     - -r requirements.txt

print('hello')
