# /// script
# requirements = ["six"]
# dependencies = ["six"]
# ///

print('hello')
