# /// script
# [tool.pixi.dependencies]
# python = "*"
# [tool.pixi.feature.x.dependencies]
# numpy = "*"
# ///

print('hello')
