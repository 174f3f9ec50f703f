#!/usr/bin/env python

# conda execute
# env:
#  - pywin32  # [not (win or osx)]

print('hello')
