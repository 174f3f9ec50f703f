# /// script
# exclude-newer = "2026-11-01"
# dependencies = ["six"]
# ///

print('hello')
