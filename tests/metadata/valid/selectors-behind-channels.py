# conda execute
# env: [python]
# channels:
#  - linux-things  # [linux]
#  - windows-things  # [win]

print('hello')
