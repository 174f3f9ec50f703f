#!/usr/bin/env python

# conda execute
# env: [python,
#       pywin32,  # [win]
#       numpy]

print('hello')
