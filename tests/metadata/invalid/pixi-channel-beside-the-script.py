# /// script
# [tool.pixi.workspace]
# channels = ["./channel"]
# ///

print('hello')
