# /// script
# dependencies = []
# [tool.uv]
# exclude-newer = ""
# ///

print('hello')
