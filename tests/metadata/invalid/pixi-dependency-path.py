# /// script
# [tool.pixi.dependencies]
# x = { path = "./x" }
# ///

print('hello')
