# /// script
# [tool.pixi.dependencies]
# python = "*"
# [tool.pixi.system-requirements]
# cuda = "12"
# ///

print('hello')
