# conda execute
# env:
#  - python
# exclude-newer: 2026-11-01t12:30:00z

print('hello')
