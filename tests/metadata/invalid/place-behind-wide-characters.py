# conda execute
# env: [python]
# run_with: ['数値' x]

1
