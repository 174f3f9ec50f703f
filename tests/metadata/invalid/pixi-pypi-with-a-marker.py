# /// script
# [tool.pixi.pypi-dependencies]
# x = ">=1; python_version<3"
# ///

print('hello')
