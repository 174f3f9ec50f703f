# /// script
# [tool.pixi.workspace]
# channels = ["conda-forge"]
# exclude-newer = "2026-01-01"
# ///

print('hello')
