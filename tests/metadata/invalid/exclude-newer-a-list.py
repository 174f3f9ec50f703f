# conda execute
# env:
#  - python
# exclude-newer: [2026-11-01]

print('hello')
