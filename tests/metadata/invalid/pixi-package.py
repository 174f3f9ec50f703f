# /// script
# [tool.pixi.dependencies]
# python = "*"
# [tool.pixi.package]
# name="x"
# ///

print('hello')
