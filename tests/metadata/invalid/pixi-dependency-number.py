# /// script
# [tool.pixi.dependencies]
# python = 3.11
# ///

print('hello')
