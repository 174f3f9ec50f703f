# conda execute
# env:
#  - python
# exclude_newer: 2026-11-01

print('hello')
