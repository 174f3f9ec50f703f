# /// script
# tool = { black = { since = 1979-05-27, x = ["}"] }, conda = { dependencies = ["zlib"] }, uv = { pip = { x = 1e5 } } }
# ///

print('hello')
