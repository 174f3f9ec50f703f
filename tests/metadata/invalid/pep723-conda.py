# /// script
# [conda]
# dependencies = ["six"]
# ///

print('hello')
