# /// script
# [tool.pixi.pypi-dependencies]
# "-r" = "*"
# ///

print('hello')
