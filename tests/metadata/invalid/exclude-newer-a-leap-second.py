# conda execute
# env:
#  - python
# exclude-newer: 2016-12-31T23:59:60Z

print('hello')
