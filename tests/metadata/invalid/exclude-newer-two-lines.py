# conda execute
# env:
#  - python
# exclude-newer: "2026-11-01\n--solver=x"

print('hello')
