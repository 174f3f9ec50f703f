# /// script
# dependencies = ["six"]
# [tool.uv]
# index-url = "https://me:secret@example.org/simple"
# ///

print('hello')
