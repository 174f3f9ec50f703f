# conda execute
# env: ["python \x3e=3", "\u006eumpy"]

print('hello')
