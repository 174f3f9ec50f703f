#!/usr/bin/env python
# conda execute
# env:
#  - python
#  - pip:
#     - pip install rich typer
