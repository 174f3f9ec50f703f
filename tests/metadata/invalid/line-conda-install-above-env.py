#!/usr/bin/env python
# conda execute
#
# conda create -n x --channel=bioconda samtools
# env:
#  - python
