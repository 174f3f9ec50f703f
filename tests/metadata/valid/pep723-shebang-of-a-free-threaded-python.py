#!/usr/bin/env python3.13t
# /// script
# dependencies = ["six"]
# ///

print('hello')
