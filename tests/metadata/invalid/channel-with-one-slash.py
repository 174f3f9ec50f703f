# conda execute
# env:
#  - python
# channels:
#  - https:/conda.anaconda.org/conda-forge

print(1)
