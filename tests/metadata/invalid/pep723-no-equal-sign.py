# /// script
# dependencies: []
# ///

print('hello')
