# /// script
# requires-python = ">= 3.9, <4,"
# dependencies = ["six @ git+https://example.com/six.git@main", "rich (>=13)", "a===1"]
# ///

print('hello')
