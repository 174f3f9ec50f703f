#!/usr/bin/env python

# conda execute


print('hello')
