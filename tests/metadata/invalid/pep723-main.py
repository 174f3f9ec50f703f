# /// script
# main = "x.py"
# dependencies = ["six"]
# ///

print('hello')
