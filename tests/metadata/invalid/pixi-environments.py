# /// script
# [tool.pixi.dependencies]
# python = "*"
# [tool.pixi.environments]
# x = ["y"]
# ///

print('hello')
