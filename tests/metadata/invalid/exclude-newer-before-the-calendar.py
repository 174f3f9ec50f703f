# conda execute
# env:
#  - python
# exclude-newer: 0001-01-01T00:00:00+01:00

print('hello')
