# /// script
# [tool.pixi.workspace]
# channels = ["conda-forge"]
# conda-pypi-map = false
# ///

print('hello')
