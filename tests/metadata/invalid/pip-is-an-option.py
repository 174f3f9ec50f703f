#!/usr/bin/env python

# conda execute
# env:
#  - pip:
#     - --index-url=https://example.org

print('hello')
