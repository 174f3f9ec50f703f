#!C:\Python311\python.exe -u
# /// script
# dependencies = ["six"]
# ///

print('hello')
