# /// script
# [tool.uv]
# exclude-newer = 2024-01-01
# ///

print('hello')
