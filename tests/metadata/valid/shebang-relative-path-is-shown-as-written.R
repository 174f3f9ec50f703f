#!.venv/bin/python -u

# conda execute
# env:
#  - python

print(1)
