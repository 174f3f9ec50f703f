#!  /usr/bin/python3 	 -E  

# conda execute
# env:
#  - python >=3

print('hello')
