#!/usr/bin/env python

# conda execute
# env:
#  - python
# Copyright 2026

print('hello')
