# /// script
# [tool.conda]
# channel = ["conda-forge"]
# ///

print('hello')
