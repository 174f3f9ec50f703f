#!/usr/bin/env python

# conda execute
# env: [numpy[version='>=1.2'], python]

print('hello')
