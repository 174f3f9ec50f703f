# conda execute
# env:
#  - python >=3, numpy

1
