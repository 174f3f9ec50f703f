# conda execute
# env:
# - python
# - numpy
# channels:
# - conda-forge

print('hello')
