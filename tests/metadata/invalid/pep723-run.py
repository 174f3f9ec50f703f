# /// script
# [run]
# dependencies = ["six"]
# ///

print('hello')
