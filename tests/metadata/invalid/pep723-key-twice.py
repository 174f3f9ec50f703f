# /// script
# dependencies = []
# dependencies = []
# ///

print('hello')
