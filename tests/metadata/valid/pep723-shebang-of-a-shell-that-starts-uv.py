#!/usr/bin/env -S sh -c 'exec uv run --script "$0"'
# /// script
# dependencies = ["six"]
# ///

print('hello')
