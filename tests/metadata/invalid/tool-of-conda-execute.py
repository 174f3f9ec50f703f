# /// script
# [tool.conda-execute]
# dependencies = ["numpy"]
# ///

print('hello')
