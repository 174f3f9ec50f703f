# /// script
# [tool.pixi.pypi-dependencies]
# "x @ https://example.org/x" = "*"
# ///

print('hello')
