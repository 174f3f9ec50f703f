#!/usr/bin/env python

# conda execute
# {"env": ["python", "numpy"], "channels": ["conda-forge"]}

print('hello')
