# /// script
# [tool.pixi.target.linux-arm64.dependencies]
# numpy="*"
# ///

print('hello')
