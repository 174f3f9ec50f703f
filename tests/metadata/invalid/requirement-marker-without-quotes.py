# /// script
# dependencies = ["six; python_version >= 3.8"]
# ///

print(1)
