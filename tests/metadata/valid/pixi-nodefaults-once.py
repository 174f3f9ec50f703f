# /// script
# tool.pixi.workspace.channels = ["nodefaults", "conda-forge"]
# tool.pixi.dependencies.python = ">=3.9"
# ///

print('hello')
