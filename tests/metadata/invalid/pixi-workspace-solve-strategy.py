# /// script
# [tool.pixi.workspace]
# channels = ["conda-forge"]
# solve-strategy = "lowest"
# ///

print('hello')
