# /// script
# run_with = "python"
# dependencies = ["six"]
# ///

print('hello')
