print(1)
# conda execute
# env:
#  - python