#!/usr/bin/env python

# conda execute
# prefix: /home/me/demo
# channels:
#  - conda-forge
# dependencies:
#  - python

print()
