# /// script
# dependencies = ["six"]
# [tool.uv.sources]
# six = { path = "./localsix" }
# ///

print('hello')
