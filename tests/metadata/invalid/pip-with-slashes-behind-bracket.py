#!/usr/bin/env python

# conda execute
# env:
#  - pip:
#     - rich[/../../mine

print('hello')
