# /// script
# [tool.conda_exec]
# dependencies = ["x"]
# ///

print('hello')
