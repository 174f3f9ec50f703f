# /// script
# index-url = "https://example.org/simple"
# dependencies = ["six"]
# ///

print('hello')
