# conda execute
# env: ['python >=2.7,<3', "numpy[version='>=1.2']"]

print('hello')
