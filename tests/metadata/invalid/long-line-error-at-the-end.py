#!/usr/bin/env python

# conda execute
# env: [python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, python, numpy:1 {x}]

print('hello')
