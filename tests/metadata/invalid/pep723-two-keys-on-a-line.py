# /// script
# dependencies = [] requires-python = ""
# ///

print('hello')
