# /// script
# dependencies = ["six; sys_platform = 'win32'"]
# ///

print(1)
