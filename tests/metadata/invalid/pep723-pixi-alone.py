# /// script
# dependencies = []
# [tool.pixi.dependencies]
# numpy = "*"
# ///

print('hello')
