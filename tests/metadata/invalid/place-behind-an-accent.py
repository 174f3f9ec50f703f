# conda execute
# env:
#  - 'é' é

1
