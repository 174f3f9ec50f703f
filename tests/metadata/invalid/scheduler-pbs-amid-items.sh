#!/bin/sh
# conda execute
# env:
#  - python
#PBS -l select=1:ncpus=4
#  - numpy
python -V
