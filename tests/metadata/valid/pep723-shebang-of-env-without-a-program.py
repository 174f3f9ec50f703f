#!/usr/bin/env -u PYTHONPATH
# /// script
# dependencies = []
# ///
