#!/usr/bin/env python

# conda execute
# env: [python]
# run_with: [python, "\x07"]

print('hello')
