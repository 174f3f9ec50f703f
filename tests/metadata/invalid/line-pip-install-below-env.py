#!/usr/bin/env python
# conda execute
# env:
#  - python
# pip3 install rich

import rich
