# conda execute
# env:
#  - python
# exclude-newer: 2026-11-01T12:30:00.250+05:30

print('hello')
