# /// script
# dependencies = ["six"]
# [tool.uv]
# package = false
# cache-keys = [{ file = "x" }]
# index = []
# no-index = false
# sources = {}
# [tool.uv.pip]
# index-url = """https://example.org/simple"""
# [tool.uv.workspace]
# members = ["*"]
# ///

print('hello')
