#!/usr/bin/env -S uv run --script
# /// script
# dependencies = []
# ///

print('hello')
