# conda execute
# env:
#  - 'python'  # [linux]
#  - "numpy" # [osx]

print('hello')
