# conda execute
# env:
#  - python &gt;=3

print(1)
