#!/usr/bin/env python

# conda execute
# env:
#  - pywin32  # [__import__('os').system('id')]

print('hello')
