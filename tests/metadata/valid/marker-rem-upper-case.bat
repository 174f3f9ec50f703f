@echo off
REM conda execute
REM env:
REM  - python >=3
REM run_with: cmd /c

python -V
