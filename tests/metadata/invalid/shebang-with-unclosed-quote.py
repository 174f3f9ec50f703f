#!/usr/bin/env -S python -c 'print

# conda execute
# env: [python]

1
