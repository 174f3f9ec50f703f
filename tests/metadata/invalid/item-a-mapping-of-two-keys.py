#!/usr/bin/env python

# conda execute
# env:
#  - pip: [rich]
#    conda: [numpy]

print('hello')
