# conda execute
# env:
#  - python
# exclude-newer: 9999-12-31

print('hello')
