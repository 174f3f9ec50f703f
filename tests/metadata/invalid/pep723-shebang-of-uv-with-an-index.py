#!/usr/bin/env -S uv run --index-url=https://example.org/simple --script
# /// script
# dependencies = ["six"]
# ///

print('hello')
