# conda execute
# env:
#  - python
# exclude-newer: 2026-11-01T12:00:00.5.5Z

print('hello')
