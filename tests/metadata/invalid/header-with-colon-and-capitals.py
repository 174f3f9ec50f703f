# Conda-Execute:
# env:
#  - python

print('hello')
