# /// script
# [tool.pixi.pypi-dependencies]
# my_six = "*"
# My-Six = "*"
# ///

print('hello')
