#!/usr/bin/env python

# conda execute
# env:
#  - python
# | a | b |

print('hello')
