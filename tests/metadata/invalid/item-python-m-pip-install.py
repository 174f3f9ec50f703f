#!/usr/bin/env python
# conda execute
# env:
#  - python
#  - python -m pip install -U 'rich>=13' typer
