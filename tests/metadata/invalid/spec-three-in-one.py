#!/usr/bin/env python

# conda execute
# env:
#  - numpy pandas matplotlib

print('hello')
