# /// script
# [tool.pixi.dependencies]
# scipy = "*"
# [tool.conda]
# dependencies = ["numpy"]
# ///

print('hello')
