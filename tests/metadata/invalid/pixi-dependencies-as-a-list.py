# /// script
# [tool.pixi]
# dependencies = ["numpy"]
# ///

print('hello')
