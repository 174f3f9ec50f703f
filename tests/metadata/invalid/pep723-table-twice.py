# /// script
# [tool.conda]
# [tool.conda]
# ///

print('hello')
