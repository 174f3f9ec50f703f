# /// script
# [tool.pixi.workspace]
# channels = ["conda-forge"]
# requires-pixi = ">=0.40"
# ///

print('hello')
