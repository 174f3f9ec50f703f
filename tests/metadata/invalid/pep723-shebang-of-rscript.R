#!/usr/bin/env Rscript
# /// script
# dependencies = ["six"]
# ///

cat('hello')
