#!/usr/bin/env python

# conda execute
# env:
#  - numpy 1.26 py311h64a7726_0
#  - numpy =1.26 *_cpython
#  - python 3.9.* *_cpython
#  - python >=3.9,<3.12 h5499902_0_cpython
#  - python >= 3.9 *_cpython
#  - blas 1.0 mkl
#  - libblas * *openblas
#  - _libgcc_mutex 0.1 conda_forge
#  - _openmp_mutex 4.5 2_gnu
#  - hdf5 1.14 nompi_*
#  - zlib 1.2.13 0
#  - numpy=1.26=py311
#  - release=1.0=special
#  - pkg v1.2

print('hello')
