# conda execute
# env: [python, numpy, ]
# channels: [a,b,]

print('hello')
