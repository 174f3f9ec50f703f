#!/usr/bin/env -S poetry run python
# conda execute
# env:
#  - python
