#!/usr/bin/env -S python -u tools/conda_execute.py -v

# conda execute
# env:
#  - python >=3

print('hello')
