# conda execute
# env:
#  - python

# What follows a blank line in words is prose:
#  - numpy
