#!/usr/bin/env python

# conda execute
# env:
#  - enum34  # [py<34]

print('hello')
