# /// script
# dependencies = ["six"]
# [[tool.uv.index]]
# url = "https://example.org/simple"
# ///

print('hello')
