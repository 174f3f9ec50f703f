# /// script
# [tool.conda]
# dependencies = ["--file=x"]
# ///

print('hello')
