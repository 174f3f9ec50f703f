"""Start conda-execute as the console script that pip writes does: from byte code, which spares compiling it."""

import os
import sys

sys.path[0] = os.path.dirname(sys.path[0])  # noqa: PTH120  # pathlib takes longer than all the rest

from conda_execute import program  # noqa: E402

sys.exit(program())
