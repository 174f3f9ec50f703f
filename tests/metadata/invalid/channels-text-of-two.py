#!/usr/bin/env python
# conda execute
# env:
#  - python
# channels: conda-forge bioconda
