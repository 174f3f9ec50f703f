#!/usr/bin/env python
# conda execute
# $ pip install rich
