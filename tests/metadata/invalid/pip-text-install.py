#!/usr/bin/env python
# conda execute
# env:
#  - python
#  - pip: install rich
