# /// script
# dependencies = []
# [tool.pixi.workspace]
# exclude-newer = 7
# ///

print('hello')
