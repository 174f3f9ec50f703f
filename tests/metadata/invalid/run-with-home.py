# conda execute
# env:
#  - python
# run_with: ~/bin/python

print(1)
