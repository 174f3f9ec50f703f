# conda execute
# env:
#  - python
# exclude-newer: 2028-02-29

print('hello')
