# /// script
# dependencies = ["six"]
# ///

x
