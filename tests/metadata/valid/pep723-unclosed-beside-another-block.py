# conda execute
# env: [numpy]

# /// script
# dependencies = []

print('hello')
