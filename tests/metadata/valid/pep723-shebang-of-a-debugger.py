#!/usr/bin/env -S python -m pdb
# /// script
# dependencies = ["six"]
# ///

print('hello')
