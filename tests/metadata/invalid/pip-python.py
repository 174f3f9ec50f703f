#!/usr/bin/env python
# conda execute
# env:
#  - numpy
#  - pip:
#     - rich
#     - python >=3.9
