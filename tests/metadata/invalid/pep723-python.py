# /// script
# python = ">=3"
# dependencies = ["six"]
# ///

print('hello')
