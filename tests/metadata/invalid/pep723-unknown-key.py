# /// script
# dependecies = ["rich"]
# ///

print('hello')
