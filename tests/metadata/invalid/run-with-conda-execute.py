#!/usr/bin/env python

# conda execute
# env: [python]
# run_with: conda-execute -v

print('hello')
