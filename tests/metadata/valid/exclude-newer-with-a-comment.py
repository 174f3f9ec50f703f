# conda execute
# env:
#  - python
# exclude-newer: "2026-11-01"  # when the paper was sent

print('hello')
