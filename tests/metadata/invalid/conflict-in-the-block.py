#!/usr/bin/env python

# conda execute
# env:
# <<<<<<< HEAD
#  - python =3.9
# =======
#  - python =3.10
# >>>>>>> b

print('hello')
