#!/usr/bin/env python

# conda execute
# This script draws numbers
# env: [python]

print('hello')
