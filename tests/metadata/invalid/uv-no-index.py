# /// script
# dependencies = ["six"]
# [tool.uv]
# no-index = true
# ///

print('hello')
