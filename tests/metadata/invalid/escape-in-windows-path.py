#!/usr/bin/env python

# conda execute
# env: [python]
# run_with: "C:\tools\python.exe"

print('hello')
