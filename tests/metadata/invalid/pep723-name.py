# /// script
# name = "x"
# dependencies = ["six"]
# ///

print('hello')
