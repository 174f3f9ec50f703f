#!/usr/bin/env python

# conda execute
# name: my-env
# env: [python]

print('hello')
