# /// script
# [tool.pixi.target.win-amd64.dependencies]
# numpy="*"
# ///

print('hello')
