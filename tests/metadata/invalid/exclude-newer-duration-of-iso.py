# conda execute
# env:
#  - python
# exclude-newer: P30D

print('hello')
