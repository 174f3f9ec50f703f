#!/usr/bin/env -S pixi run --script
# /// script
# dependencies = ["six"]
# ///

print('hello')
