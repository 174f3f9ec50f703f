# /// script
# [tool.conda]
# channels = ["-c"]
# ///

print('hello')
