# conda execute:
# env: # these
#   - python >=3   # any
#   - numpy  #nothing between
# channels: [conda-forge]   # one
# run_with: python -u # unbuffered

print('hello')
