# conda execute
# env:
#  - a01  # [win]
#  - a02  # [linux]
#  - a03  # [unix]
#  - a04  # [not win]
#  - a05  # [linux and not arm64]
#  - a06  # [osx or linux]
#  - a07  # [osx]
#  - a08  # [linux64]
#  - a09  # [x86_64 and linux]
#  - a10  # [arm64]
#  - a11  # [win or osx]
#  - a12  # [not linux or x86]
#  - a13  # [win and linux or unix]
#  - a14  # [unix or win and linux]
#  - a15  # [not unix or not x86_64]
#  - a16  # [ linux ]
#  - a17  #[linux]
#  - a18  # [win32 or win64 or linux32]
#  - a19  # [aarch64 or ppc64le or s390x]
#  - a20  # [not  not   linux]
#  - a21
#  - a22  # windows is not linux

print('hello')
