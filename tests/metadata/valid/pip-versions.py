#!/usr/bin/env python

# conda execute
# env:
#  - pip:
#     - rich >= 13, < 14
#     - rich (>=13)
#     - rich[a, b] ~= 13.0, != 13.2
#     - rich>=13; python_version > "3.8" and sys_platform == "linux"
#     - rich @ https://example.org/rich.whl

print('hello')
