#!/usr/bin/env python

# conda execute
# env:
#  - numpy>1.2<2

print('hello')
