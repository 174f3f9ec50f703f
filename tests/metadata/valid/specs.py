# conda execute
# env:
#  - python =3.6.1
#  - nsis 3.*
#  - python >=2.7,<3
#  - python=3.11=*_cpython
#  - conda-forge::gdal
#  - numpy[version='>=1.2']
#  - scipy ~=1.4
#  - xarray !=0.10.0
#  - libblas * *mkl
#  - libblas=*=*mkl
#  - pandas==1.0|2.*
#  - r-base (>=3,<4)|5.*
#  - __glibc >=2.17
#  - _libgcc_mutex
#  - 7zip
#  - ca-certificates 2020.1.1
#  - openssl 1.1.1a
#  - pytorch 1.0.* py3.6_cuda*
#  - numpy ==1!2.0+local
#  - conda-forge/linux-64::gdal >=3
#  - https://conda.anaconda.org/bioconda::samtools
#  - NumPy
#  - numpy >= 1.2, < 2
#  - python [version='>=3',build='*_cpython']

print('hello')
