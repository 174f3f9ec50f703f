# /// script
# [tool.pixi.workspace]
# channels = ["conda-forge"]
# name = "x"
# ///

print('hello')
