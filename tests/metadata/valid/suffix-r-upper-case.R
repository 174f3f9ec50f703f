# conda execute
# env:
#  - r-base

cat(1)
