#!/usr/bin/env python

# conda execute
# env: [python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, {numpy}, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, ]

print('hello')
