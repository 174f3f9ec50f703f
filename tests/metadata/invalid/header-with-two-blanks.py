#  conda  execute
# env:
#  - python

print('hello')
