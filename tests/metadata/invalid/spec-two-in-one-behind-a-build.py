#!/usr/bin/env python

# conda execute
# env:
#  - numpy 1.26 py311h64a7726_0 scipy >=1,<2

print('hello')
