# conda execute
#env:
#- python
#- numpy

print('hello')
