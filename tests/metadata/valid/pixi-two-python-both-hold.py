# /// script
# requires-python = ">=3.11"
# [tool.pixi.dependencies]
# python = "3.12.*"
# ///

print('hello')
