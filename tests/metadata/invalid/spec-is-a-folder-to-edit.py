#!/usr/bin/env python

# conda execute
# env:
#  - --editable .

print('hello')
