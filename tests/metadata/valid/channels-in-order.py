# conda execute
# env: [python]
# channels:
#  - zebra
#  - conda-forge
#  - ant
#  - conda-forge

print('hello')
