#!/usr/bin/env python

# conda execute
# env: [python]
# channels:
#  - pip: [x]

print('hello')
