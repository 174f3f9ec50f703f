# conda execute
# env:
#  - python  # f√ºr È

1
