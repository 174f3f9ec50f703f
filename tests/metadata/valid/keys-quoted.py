# conda execute
# "env":
#  - python
# 'channels' : [conda-forge]

print('hello')
