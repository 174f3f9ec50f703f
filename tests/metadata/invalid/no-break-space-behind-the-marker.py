#!/usr/bin/env python
# conda execute
# env:
#  - python
