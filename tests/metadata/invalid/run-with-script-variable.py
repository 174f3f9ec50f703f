# conda execute
# env:
#  - python
# run_with: python ${SCRIPT}

print(1)
