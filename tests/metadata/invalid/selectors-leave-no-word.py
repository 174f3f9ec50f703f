#!/usr/bin/env python

# conda execute
# env:
#  - python
# run_with:
#  - cmd  # [win]

print('hello')
