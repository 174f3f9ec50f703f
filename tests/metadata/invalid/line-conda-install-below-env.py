#!/usr/bin/env python
# conda execute
# env:
#  - python
# mamba install -c bioconda samtools
# channels:
#  - conda-forge
