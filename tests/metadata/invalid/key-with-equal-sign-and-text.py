#!/usr/bin/env python

# conda execute
# env = python, numpy
# run_with = python

print('hello')
