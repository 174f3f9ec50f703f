# /// script
# [tool.pixi.project]
# channels = ["conda-forge"]
# ///

print('hello')
