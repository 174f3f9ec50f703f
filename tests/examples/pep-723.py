# /// script
# requires-python = ">=3.6"
# dependencies = []
#
# [tool.conda]
# dependencies = ["numpy"]
# ///

"""Print the sum of the arguments."""

import sys

import numpy

print(numpy.sum([float(word) for word in sys.argv[1:]]))
