# conda execute
# env:
#  - python
# # fÃ¼r ÿ

1
