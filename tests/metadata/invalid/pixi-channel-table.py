# /// script
# [tool.pixi.workspace]
# channels = [{ channel = "conda-forge", priority = 1 }]
# ///

print('hello')
