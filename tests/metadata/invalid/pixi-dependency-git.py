# /// script
# [tool.pixi.dependencies]
# x = { git = "https://example.org/x.git" }
# ///

print('hello')
