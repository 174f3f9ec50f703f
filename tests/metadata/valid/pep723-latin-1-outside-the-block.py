# /// script
# dependencies = ["rich"]
# ///

print('hello')
# é
