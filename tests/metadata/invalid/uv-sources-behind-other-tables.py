# /// script
# dependencies = ["six"]
# [tool.black]
# x = """
# [tool.y]
# """
# [tool."uv".sources]
# six = { git = "https://example.org/six" }
# ///

print('hello')
