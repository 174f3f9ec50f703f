# /// script
# tool.pixi = "x"
# ///

print('hello')
