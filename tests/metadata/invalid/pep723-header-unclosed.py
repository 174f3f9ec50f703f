# /// script
# [tool.conda
# dependencies = []
# ///

print('hello')
