# /// script
# [tool.pixi.workspace]
# channels = ["conda-forge"]
# chanels = ["conda-forge"]
# ///

print('hello')
