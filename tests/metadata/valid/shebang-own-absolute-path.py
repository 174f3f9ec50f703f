#!/home/me/miniconda3/bin/conda-execute

# conda execute
# env:
#  - python >=3

print('hello')
