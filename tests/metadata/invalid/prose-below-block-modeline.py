#!/usr/bin/env python

# conda execute
# env:
#  - python
# vim: set ft=python:

print('hello')
