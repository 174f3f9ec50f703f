#!/usr/bin/env python

# conda execute
# env: [python>=3.8 numpy, scipy]

print('hello')
