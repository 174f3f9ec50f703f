#!/usr/bin/env conda-execute

# conda execute
# env: [python]
# run_with: python -i

print('hello')
