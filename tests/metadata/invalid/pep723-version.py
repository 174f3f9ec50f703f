# /// script
# version = "0.1"
# dependencies = ["six"]
# ///

print('hello')
