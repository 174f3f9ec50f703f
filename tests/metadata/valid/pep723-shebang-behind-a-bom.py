#!/usr/bin/env -S python -X dev
# /// script
# dependencies = ["six"]
# ///

print('hello')
