#!/usr/bin/perl

# conda execute
# env:
#  - python

print('hello')
