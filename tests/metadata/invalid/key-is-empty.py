#!/usr/bin/env python

# conda execute
# : x
# env: [python]

print('hello')
