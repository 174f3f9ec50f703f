#!/usr/bin/python3 /home/me/bin/conda_execute.py

# conda execute
# env:
#  - python >=3

print('hello')
