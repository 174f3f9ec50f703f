# conda execute
# env: [numpy, python, numpy]

print('hello')
