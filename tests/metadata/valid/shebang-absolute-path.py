#!/home/pi/berryconda3/bin/python

# conda execute
# env:
#  - python >=3

print('hello')
