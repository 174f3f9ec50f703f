# conda execute: my script
# env:
#  - python

print(1)
