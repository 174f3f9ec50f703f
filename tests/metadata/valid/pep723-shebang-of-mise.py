#!/usr/bin/env -S mise x -- uv run --script
# /// script
# dependencies = ["six"]
# ///

print('hello')
