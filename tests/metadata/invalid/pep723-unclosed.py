# /// script
# dependencies = []

print('hello')
