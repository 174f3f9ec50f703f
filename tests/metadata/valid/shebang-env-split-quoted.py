#!/usr/bin/env -S python -c 'print("a b")'

# conda execute
# env:
#  - python >=3

print('hello')
