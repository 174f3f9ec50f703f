# /// script
# [tool.pixi.dependencies]
# numpy = "*"
# NumPy = "1.*"
# ///

print('hello')
