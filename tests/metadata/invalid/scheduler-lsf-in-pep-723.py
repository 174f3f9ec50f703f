#!/usr/bin/env python
# /// script
#BSUB -n 4
# dependencies = ["rich"]
# ///
print('hello')
