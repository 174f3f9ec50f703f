#!/usr/bin/env python

# conda execute
# env: [python]
# run_with:
#   linux: python

print('hello')
