# conda execute
# env:
#  - python
# exclude-newer: 

print('hello')
