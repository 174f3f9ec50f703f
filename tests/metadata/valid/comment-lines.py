# conda execute
# # what it needs
# env:
# # first
#   # python
#      # indented: as it likes
#   - python
# # - scipy
#   - numpy

print('hello')
