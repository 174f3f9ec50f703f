#!/usr/bin/env python

# conda execute
# env:
#  - pip:
#     - rich>=13; python_version > “3.8”

print('hello')
