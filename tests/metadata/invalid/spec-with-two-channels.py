#!/usr/bin/env python

# conda execute
# env:
#  - conda-forge::bioconda::samtools

print('hello')
