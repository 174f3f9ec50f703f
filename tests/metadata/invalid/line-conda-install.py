#!/usr/bin/env python
# conda execute
# conda install -c conda-forge python numpy
