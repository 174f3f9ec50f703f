#!/usr/bin/env python

# conda execute
# env:
#  - numpy latest

print('hello')
