# conda execute
# env:
# - pip:
#   - rich
# - python

print('hello')
