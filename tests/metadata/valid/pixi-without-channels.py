# /// script
# [tool.pixi.dependencies]
# python = ">=3.9"
# numpy = "1.26.*"
# ///

print('hello')
