# /// script
# [tool.pixi.pypi-dependencies]
# six = { path = "./localsix", editable = true }
# ///

print('hello')
