# /// script
# [tool.pixi.dependencies]
# "numpy scipy" = "*"
# ///

print('hello')
