# /// script
# [tool.pixi.pypi-dependencies]
# six = { version = "*", env-markers = "sys_platform == 'linux'" }
# ///

print('hello')
