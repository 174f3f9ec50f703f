#!/usr/bin/env python
# -*- coding: utf-8 -*-
#
# Copyright (c) 2016, the authors
# All rights reserved: see the licence.

"""Do this and that.

It is run by conda execute, or by hand.
"""

from __future__ import print_function

# conda execute
# env:
#  - python =3.6.1
#  - nsis 3.*

print("hello")
