# conda execute
#
# env:
#
#  - python
#   
#  - numpy
#
# channels:
#  - conda-forge
#

1
