# conda execute
# env:
#  - python =3.10
#  - numpy 1.20
#  - on
#  - 3to2

print('hello')
