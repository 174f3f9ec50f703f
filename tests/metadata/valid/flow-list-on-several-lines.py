# conda execute
# env: [
#   python >=3,  # any
#
# # a line between
# numpy
#   , scipy
# ]
# channels: [conda-forge,
#    bioconda]

print('hello')
