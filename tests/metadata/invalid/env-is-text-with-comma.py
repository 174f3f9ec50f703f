#!/usr/bin/env python

# conda execute
# env: python >=2.7,<3

print('hello')
