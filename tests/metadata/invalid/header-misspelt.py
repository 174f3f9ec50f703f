# conda excute
# env:
#  - python

print('hello')
