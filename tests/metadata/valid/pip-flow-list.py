# conda execute
# env:
#  - python
#  - pip: [rich >=13, 'httpx[http2]']

print('hello')
