# /// script
# [tool.pixi.dependencies]
# python = "*"
# [tool.pixi.exclude-newer]
# numpy = "2026-01-01"
# ///

print('hello')
