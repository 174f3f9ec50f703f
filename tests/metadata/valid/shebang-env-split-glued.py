#!/usr/bin/env -Spython -u

# conda execute
# env:
#  - python >=3

print('hello')
