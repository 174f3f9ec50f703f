# conda execute
# run_with: python
# channels: [a, b]
# env: [python]

print('hello')
