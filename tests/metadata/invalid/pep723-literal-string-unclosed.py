# /// script
# requires-python = '>=3.9
# ///

print('hello')
