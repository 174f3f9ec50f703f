#!/usr/bin/env python

# conda execute
# env:
#  - python
# pip:
#  - rich
#  - httpx[http2] >=0.2
# channels: [conda-forge]

print('hello')
