# conda execute
# env:
#  - python
# exclude-newer: 1 November 2026

print('hello')
