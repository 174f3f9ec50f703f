# /// script
# dependencies = ["six"]
# [build-system]
# requires = ["hatchling"]
# ///

print('hello')
