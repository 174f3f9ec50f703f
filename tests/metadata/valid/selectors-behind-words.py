# conda execute
# env: [python]
# run_with:
#  - cmd  # [win]
#  - sh  # [unix]
#  - /c  # [win]
#  - -c  # [unix]

print('hello')
