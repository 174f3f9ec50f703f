# conda execute
# env:
#  - python
# run_with: source setup.sh; python

print(1)
