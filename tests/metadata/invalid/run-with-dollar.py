# conda execute
# env:
#  - python
# run_with: python $OPTIONS

print(1)
