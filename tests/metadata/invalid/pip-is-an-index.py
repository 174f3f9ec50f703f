#!/usr/bin/env python

# conda execute
# env:
#  - python
#  - pip:
#     - --index-url https://example.org/simple
#     - rich

print('hello')
