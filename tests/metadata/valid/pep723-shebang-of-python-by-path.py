#!/usr/bin/python3.11 -s
# /// script
# dependencies = []
# ///

print('hello')
