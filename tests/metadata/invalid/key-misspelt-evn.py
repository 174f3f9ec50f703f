# conda execute
# evn:
#  - python

1
