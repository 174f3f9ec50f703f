# /// script
# [tool.pixi.dependencies]
# python = "*"
# [tool.pixi.activation]
# scripts = ["a.sh"]
# ///

print('hello')
