# conda execute
# env: [python]
# channels:
#  - windows-things  # [win]

print('hello')
