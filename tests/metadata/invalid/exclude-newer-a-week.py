# conda execute
# env:
#  - python
# exclude-newer: 2026-W44-1

print('hello')
