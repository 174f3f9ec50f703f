# /// script
# dependencies = ["six"]
# [tool.uv]
# extra-index-url = ["https://example.org/simple"]
# ///

print('hello')
