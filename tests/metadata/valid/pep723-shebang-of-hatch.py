#!/usr/bin/env -S hatch run
# /// script
# dependencies = ["six"]
# ///

print('hello')
