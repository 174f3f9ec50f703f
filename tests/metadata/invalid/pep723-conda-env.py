# /// script
# [tool.conda]
# env = ["x"]
# ///

print('hello')
