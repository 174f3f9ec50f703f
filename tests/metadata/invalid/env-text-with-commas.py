#!/usr/bin/env python
# conda execute
# env: python >=3.9, numpy
