# /// script
# [tool.pixi.target.osx.dependencies]
# python = "3.12.*"
# ///

print('hello')
