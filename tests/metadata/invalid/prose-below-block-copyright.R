# conda execute
# env:
#  - r-base
# Copyright (c) 2016: the authors

cat(1)
