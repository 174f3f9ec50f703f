# conda execute
# env:
#  - python
# run_with: C:\tools\python.exe

print(1)
