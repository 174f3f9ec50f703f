#	conda execute
# env:
#  - python

1
