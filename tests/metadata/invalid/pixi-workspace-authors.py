# /// script
# [tool.pixi.workspace]
# channels = ["conda-forge"]
# authors = ["x"]
# ///

print('hello')
