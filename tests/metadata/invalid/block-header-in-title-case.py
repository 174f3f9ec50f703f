# Conda Execute
# env:
#  - python

print(1)
