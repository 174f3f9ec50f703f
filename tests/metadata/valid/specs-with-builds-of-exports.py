#!/usr/bin/env python

# conda execute
# env:
#  - python=2.7.18=h15b4118_1
#  - six=1.16.0=py27_0
#  - numpy 1.11.3 py27
#  - blas=1.0=mkl
#  - zlib 1.2.11 h7b6447c
#  - pytorch 2.1 cuda112py39h1234567_0
#  - hdf5 1.14 nompi_*
#  - python 3.9 *_cpython
#  - libgcc 7.2 0
#  - tk 8.6 1
#  - r-base 3.6 r36
#  - openssl 1!2.0=h1a2b3c4_0

print('hello')
