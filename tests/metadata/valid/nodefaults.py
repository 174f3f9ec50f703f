# conda execute
# env:
#  - python
# channels:
#  - conda-forge
#  - nodefaults

print('hello')
