# /// script
# dependencies = ["--index-url=x"]
# ///

print('hello')
