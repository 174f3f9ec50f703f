# /// script
# [tool.pixi.target.macos.dependencies]
# numpy="*"
# ///

print('hello')
