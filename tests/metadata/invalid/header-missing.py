# env:
#  - python

print('hello')
