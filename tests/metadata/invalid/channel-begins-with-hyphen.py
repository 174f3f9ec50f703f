#!/usr/bin/env python

# conda execute
# env: [python]
# channels:
#  - --override-channels

print('hello')
