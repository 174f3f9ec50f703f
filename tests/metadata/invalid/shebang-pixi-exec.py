#!/usr/bin/env -S pixi exec python
# conda execute
# env:
#  - python
