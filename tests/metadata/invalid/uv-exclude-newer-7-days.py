# /// script
# dependencies = []
# [tool.uv]
# exclude-newer = "7 days"
# ///

print('hello')
