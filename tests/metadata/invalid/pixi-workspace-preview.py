# /// script
# [tool.pixi.workspace]
# channels = ["conda-forge"]
# preview = ["pixi-build"]
# ///

print('hello')
