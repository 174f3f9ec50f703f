# conda execute
# env:
#  - python
# exclude-newer: 7d

print('hello')
