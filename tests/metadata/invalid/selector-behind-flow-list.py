#!/usr/bin/env python

# conda execute
# env: [pywin32]  # [win]

print('hello')
