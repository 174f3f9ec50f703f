#!/usr/bin/env python

# conda execute
# env:
#  - python
# -*- coding: utf-8 -*-

print('hello')
