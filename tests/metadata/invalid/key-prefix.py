#!/usr/bin/env python

# conda execute
# env: [python]
# prefix: /opt/my-env

print('hello')
