"""Run me by: conda execute mentioned.py"""

# use conda execute to run this
# conda executes it
# "conda execute"
print("# conda execute")  # conda execute it is

# conda execute
# env: [python]

print('hello')
