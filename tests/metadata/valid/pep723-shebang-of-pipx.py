#!/usr/bin/env -S python3 -m pipx run
# /// script
# dependencies = []
# ///

print('hello')
