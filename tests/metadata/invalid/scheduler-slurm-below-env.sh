#!/bin/sh
# conda execute
# env:
#  - python
#SBATCH --time=5
#SBATCH --mem=2G
python -V
