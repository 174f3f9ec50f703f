# /// script
# [tool.conda]
# channels = ["nodefaults"]
# ///

print('hello')
