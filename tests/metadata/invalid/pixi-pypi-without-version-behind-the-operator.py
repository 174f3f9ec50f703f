# /// script
# [tool.pixi.pypi-dependencies]
# x = ">="
# ///

print('hello')
