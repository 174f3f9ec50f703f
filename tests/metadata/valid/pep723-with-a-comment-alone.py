# /// script
# # nothing
# ///

print('hello')
