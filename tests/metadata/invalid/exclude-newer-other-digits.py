# conda execute
# env:
#  - python
# exclude-newer: ٢٠٢٦-١١-٠١

print('hello')
