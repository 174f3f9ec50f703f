# /// script
# dependencies = ["é"]
# ///

print('hello')
