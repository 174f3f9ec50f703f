# /// script
# [tool.pixi.target.win.dependencies]
# "--x" = "*"
# ///

print('hello')
