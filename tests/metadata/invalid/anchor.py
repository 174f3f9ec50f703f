#!/usr/bin/env python

# conda execute
# env: &specs
#  - python

print('hello')
