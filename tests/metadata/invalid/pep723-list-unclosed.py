# /// script
# dependencies = ["rich"
# x = 1
# ///

print('hello')
