#!/usr/bin/env python

# conda execute
# env:
#  - httpx[http2]

print('hello')
