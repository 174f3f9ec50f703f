# conda execute
# env:
#  - python    >=3
#  - '  numpy  '

print('hello')
