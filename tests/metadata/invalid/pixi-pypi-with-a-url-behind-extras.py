# /// script
# [tool.pixi.pypi-dependencies]
# x = { extras = ["a] @ https://example.org/x #"] }
# ///

print('hello')
