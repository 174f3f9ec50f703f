# /// script
# [tool.pixi.workspace]
# channels = ["conda-forge"]
# platforms = ["linux-64"]
# ///

print('hello')
