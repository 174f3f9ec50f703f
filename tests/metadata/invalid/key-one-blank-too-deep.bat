REM conda execute
REM env:
REM   - python
REM  channels: [conda-forge]

echo hello
