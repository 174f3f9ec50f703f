# conda execute
# env:
#  - python
# run_with: OMP_NUM_THREADS=1 python

print(1)
