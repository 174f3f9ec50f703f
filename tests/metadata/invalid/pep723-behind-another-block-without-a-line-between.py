# /// note
# x
# ///
# /// script
# dependencies = []
# ///
print('hello')
