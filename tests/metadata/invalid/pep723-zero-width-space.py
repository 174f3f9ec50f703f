# /// script
# dependencies = ["ri​ch"]
# ///

print('hello')
