rem conda execute
REM env:
Rem  - curl
rem run_with: cmd /c
REMARK this is no comment
