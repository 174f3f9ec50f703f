#!/usr/bin/env -S uvx python
# conda execute
# env:
#  - python
