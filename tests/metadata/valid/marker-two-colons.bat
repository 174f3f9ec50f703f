:: conda execute
:: env:
::  - python
:: run_with: cmd.exe /c

python -V
