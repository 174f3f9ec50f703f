# conda execute
# env:
#  - python
# run_with: python &

print(1)
