# conda execute
# env:
#  - python
# run_with: echo a#b

print('hello')
