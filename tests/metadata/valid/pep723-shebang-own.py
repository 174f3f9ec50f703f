#!/usr/bin/env -S python conda_execute.py
# /// script
# dependencies = []
# ///

print('hello')
