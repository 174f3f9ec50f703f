# /// script
# [tool.pixi.workspace]
# channels = ["conda-forge"]
# version = "0.1"
# ///

print('hello')
