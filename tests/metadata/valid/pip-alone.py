# conda execute
# env:
#  - pip:
#    - rich

print('hello')
