# conda execute
# env:
#  - python >=3.9
#  - pip:
#     - rich >=13
#     - httpx[http2]>=0.20,<1
#     - requests ; python_version > '3.8'
#     - attrs @ https://example.org/attrs.whl
#     - black @ git+https://github.com/psf/black
#     - tomli (>=2)
#     - zope.interface

print('hello')
