# /// script
# dependencies = ["rich", 3]
# ///

print('hello')
