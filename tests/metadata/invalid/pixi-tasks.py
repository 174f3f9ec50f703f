# /// script
# [tool.pixi.dependencies]
# python = "*"
# [tool.pixi.tasks]
# build = 'make'
# ///

print('hello')
