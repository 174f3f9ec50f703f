#!/usr/bin/env -S uv run --with rich --script
# /// script
# dependencies = ["six"]
# ///

print('hello')
