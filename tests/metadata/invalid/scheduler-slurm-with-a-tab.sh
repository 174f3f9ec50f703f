#!/bin/sh
# conda execute
# env:
#  - python
#SBATCH	--time=5
python -V
