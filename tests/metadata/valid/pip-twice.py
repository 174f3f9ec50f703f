# conda execute
# env:
#  - pip: [rich]
#  - python
#  - pip:
#    - httpx

print('hello')
