# /// script
# [tool.pixi.pypi-dependencies]
# six = { version = "*", index = "https://example.org/simple" }
# ///

print('hello')
