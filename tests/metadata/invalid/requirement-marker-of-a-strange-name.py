# /// script
# dependencies = ["six; platform == 'win32'"]
# ///

print(1)
