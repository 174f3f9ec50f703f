REM conda execute
REM env:
REM  - python
REM  - numpy=

python -V
