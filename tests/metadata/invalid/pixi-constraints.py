# /// script
# [tool.pixi.dependencies]
# python = "*"
# [tool.pixi.constraints]
# numpy = "<2"
# ///

print('hello')
