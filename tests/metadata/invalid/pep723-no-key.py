# /// script
# = []
# ///

print('hello')
