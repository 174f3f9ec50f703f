# conda execute
# env:
#  - pip
#  - python
#  - pip:
#    - rich

print('hello')
