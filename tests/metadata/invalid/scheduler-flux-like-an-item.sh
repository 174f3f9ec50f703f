#!/bin/sh
# conda execute
# env:
#FLUX: -N4
#  - python
python -V
