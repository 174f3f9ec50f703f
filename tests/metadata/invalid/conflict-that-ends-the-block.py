# conda execute
# env:
#  - python
<<<<<<< HEAD
#  - numpy =1
=======
#  - numpy =2
>>>>>>> b
print('hello')
