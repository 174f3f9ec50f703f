#!/usr/bin/env -S python3 -u
# /// script
# dependencies = []
# ///

print('hello')
