#!/usr/bin/env -S ipython -i
# /// script
# dependencies = ["ipython"]
# ///

print('hello')
