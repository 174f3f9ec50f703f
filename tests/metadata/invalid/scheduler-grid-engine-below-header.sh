#!/bin/sh
# conda execute
#$ -cwd
# env: [python]
python -V
