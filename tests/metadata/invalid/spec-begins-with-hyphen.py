#!/usr/bin/env python

# conda execute
# env:
#  - --file=/etc/passwd

print('hello')
