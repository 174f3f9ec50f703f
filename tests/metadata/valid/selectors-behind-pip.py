# conda execute
# env:
#  - python
#  - pip:  # [win]
#    - pywin32
#  - pip:  # [unix]
#    - sh  # [linux]
#    - pyobjc  # [osx]

print('hello')
