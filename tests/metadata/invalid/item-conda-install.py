#!/usr/bin/env python
# conda execute
# env:
#  - python
#  - conda install numpy -y
