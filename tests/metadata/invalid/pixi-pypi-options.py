# /// script
# [tool.pixi.dependencies]
# python = "*"
# [tool.pixi.pypi-options]
# index-url = "https://example.org/simple"
# ///

print('hello')
