# conda execute
# env:
#  - python
import sys
# env: this is no part of it
