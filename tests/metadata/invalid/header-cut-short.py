# conda exec
# env:
#  - python

print('hello')
