#!/usr/bin/env python
# conda execute
# env:
#  - python


#
# # for plots
#  - matplotlib >=3  # [linux]
