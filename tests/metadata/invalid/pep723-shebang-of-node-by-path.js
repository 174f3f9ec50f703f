#!/usr/local/bin/node
# /// script
# dependencies = ["six"]
# ///

1
