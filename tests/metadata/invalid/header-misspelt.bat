REM conda excute
REM env:
REM  - python

print('hello')
