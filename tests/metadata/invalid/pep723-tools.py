# /// script
# [tools.conda]
# dependencies = ["numpy"]
# ///

print('hello')
