# /// script
# [tool.pixi.dependencies]
# python = "*"
# [tool.pixi.target.win.activation]
# scripts=["a"]
# ///

print('hello')
