#!/usr/bin/env python

# conda execute
# env: [python]
# channels: ['']

print('hello')
