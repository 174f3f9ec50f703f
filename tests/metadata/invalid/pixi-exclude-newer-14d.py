# /// script
# dependencies = []
# [tool.pixi.workspace]
# exclude-newer = "14d"
# ///

print('hello')
