# /// script
# dependencies =
# ///

print('hello')
