# /// script
# requires-python = " >= 3.8 , != 3.9.* , ~= 3.8.2, < 3.14"
# ///

print('hello')
