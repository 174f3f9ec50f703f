#!/usr/bin/env python

# conda execute
# env:
#  - -r requirements.txt

print('hello')
