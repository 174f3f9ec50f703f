#!/usr/bin/env python
# -*- coding: latin-1 -*-
# André wrote this

# conda execute
# env:
#  - python

print('café')
