# /// script
# dependencies = []
# ///

print('hello')

# /// script
# dependencies = []
# ///

print('hello')
