#!/usr/bin/env -S conda run -n base python
# conda execute
# env:
#  - python
