# /// script
# [tool.pixi.target.freebsd.dependencies]
# numpy = "*"
# ///

print('hello')
