# We run this with conda-execute, see there.

print('hello')
