# /// script
# [tool.pixi.pypi-dependencies]
# six = { git = "https://example.org/six.git" }
# ///

print('hello')
