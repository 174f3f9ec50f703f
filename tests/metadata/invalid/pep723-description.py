# /// script
# description = "x"
# dependencies = ["six"]
# ///

print('hello')
