# /// script
# [tool.conda-lock]
# channels = ["x"]
# ///

print('hello')
