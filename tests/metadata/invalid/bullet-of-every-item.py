#!/usr/bin/env python
# conda execute
# env:
# • python
# • numpy >=1.2
# • pip:
#     * rich
# channels:
# + bioconda
