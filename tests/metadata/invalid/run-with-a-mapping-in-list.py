#!/usr/bin/env python

# conda execute
# env: [python]
# run_with:
#  - python: 3

print('hello')
