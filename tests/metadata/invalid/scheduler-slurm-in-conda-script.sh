#!/bin/sh
# /// conda-script
# channels = ["conda-forge"]
#SBATCH --time=5
# entrypoint = "sh ${SCRIPT}"
# [dependencies]
# python = "*"
# /// end-conda-script
python -V
