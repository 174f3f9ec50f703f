# conda execute is needed here
# env: see the manual

print('hello')
