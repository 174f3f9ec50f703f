# /// script
# dependencies = ["numpy=1.26"]
# ///

print('hello')
