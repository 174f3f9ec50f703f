#!/usr/bin/env python

# conda execute
# env:
# pip: rich

print('hello')
