#!/bin/bash
# /// script
# dependencies = ["six"]
# ///

print('hello')
