#!/usr/bin/env conda-execute

# conda execute
# env:
#  - python >=3
#  - numpy

"""Print the sum of the arguments."""

import sys

import numpy

print(numpy.sum([float(word) for word in sys.argv[1:]]))
