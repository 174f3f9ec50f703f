# /// script
# [tool.black]
# x = """
# [tool.uv.sources]
# six = { path = "./localsix" }
# ///

print('hello')
