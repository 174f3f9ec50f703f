# conda execute
# env: [python]
# run_with: ["hello world"]

print('hello')
