# /// script
# [tool.pixi.workspace]
# channels = ["conda-forge"]
# channel-priority = "disabled"
# ///

print('hello')
