#!/usr/bin/env python

# conda execute
# env:
#  - numpy ==1.0 extra!stuff?

print('hello')
