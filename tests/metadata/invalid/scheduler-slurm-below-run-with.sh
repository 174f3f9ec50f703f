#!/usr/bin/env conda-execute
# conda execute
# env:
#  - python
# run_with: sh
#SBATCH --time=5
python -V
