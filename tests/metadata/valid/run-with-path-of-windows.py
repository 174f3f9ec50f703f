# conda execute
# env: [python]
# run_with: 'C:\\tools\\python.exe "-X" utf8'

print('hello')
