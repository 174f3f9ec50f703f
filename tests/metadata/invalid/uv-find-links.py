# /// script
# dependencies = ["six"]
# [tool.uv]
# find-links = ["./wheels"]
# ///

print('hello')
