# /// script
# channels = ["conda-forge"]
# dependencies = ["six"]
# ///

print('hello')
