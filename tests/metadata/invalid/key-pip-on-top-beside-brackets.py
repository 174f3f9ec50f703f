#!/usr/bin/env python

# conda execute
# env: [python, numpy]
# pip:
#   - rich

print('hello')
