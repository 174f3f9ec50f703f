# /// script
# dependencies = ["six"]
# [tool.uv]
# resolution = "lowest"
# [tool.pixi.dependencies]
# python = "3.12.*"
# ///

print('hello')
