#!/usr/bin/env python

# conda execute
# pip: [rich]

print('hello')
