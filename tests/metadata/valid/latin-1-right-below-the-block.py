# conda execute
# env:
#  - python
x = 'é'
