# conda execute
# env:
#  - python
# run_with: cd /tmp && python -u

print(1)
