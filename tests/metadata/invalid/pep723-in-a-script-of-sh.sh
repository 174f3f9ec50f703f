# /// script
# dependencies = ["six"]
# ///

echo hello
