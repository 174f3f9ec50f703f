#!/usr/bin/env python

# conda execute
# env: [python]
# channels: ["a\n-c"]

print('hello')
