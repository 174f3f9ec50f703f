#!/usr/bin/env python

# conda execute
# env:
#  - pip:
#     - git+https://github.com/psf/black

print('hello')
