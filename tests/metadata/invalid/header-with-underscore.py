# conda_execute
# env:
#  - python

print('hello')
