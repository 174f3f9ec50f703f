#!/usr/bin/env python

# conda execute
# env: [python]
# channels: ["a\x01"]

print('hello')
