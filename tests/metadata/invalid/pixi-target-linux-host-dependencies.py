# /// script
# [tool.pixi.dependencies]
# python = "*"
# [tool.pixi.target.linux.host-dependencies]
# a="*"
# ///

print('hello')
