#!/usr/bin/env python

# conda execute
# env: [python]
# This script draws numbers

print('hello')
