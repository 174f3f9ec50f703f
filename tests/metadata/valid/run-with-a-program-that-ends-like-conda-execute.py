# conda execute
# env: [python]
# run_with: python my_conda_execute.py

print('hello')
