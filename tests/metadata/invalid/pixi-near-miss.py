# /// script
# [tool.pixi.depedencies]
# numpy = "*"
# ///

print('hello')
