# /// script
# dependencies = []
# [tool.pixi.workspace]
# exclude-newer = ["2026-11-01"]
# ///

print('hello')
