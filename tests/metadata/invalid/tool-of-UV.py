# /// script
# [tool.UV]
# index-url = "https://example.org"
# ///

print('hello')
