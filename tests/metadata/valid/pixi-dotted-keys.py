# /// script
# tool.pixi.dependencies.python = ">=3.9"
# tool.pixi.workspace.channels = ["conda-forge"]
# ///

print('hello')
