# /// script
# [tool.pixi.pypi-dependencies]
# six = "1.16"
# ///

print('hello')
