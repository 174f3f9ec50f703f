# /// script
# tool = "conda"
# ///

print('hello')
