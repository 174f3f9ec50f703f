# conda execute
# env:
#  - python; numpy

print(1)
