# conda execute
# env: [python 2.7.*]
# run_with: python2

print('hello')
