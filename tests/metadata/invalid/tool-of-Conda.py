# /// script
# [tool.Conda]
# dependencies = ["x"]
# ///

print('hello')
