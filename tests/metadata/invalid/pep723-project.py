# /// script
# [project]
# name = "x"
# dependencies = ["six"]
# ///

print('hello')
