; conda execute:
; env:
;  - nsis 3.*
; run_with: ./makensis

OutFile "hello.exe"
Section
SectionEnd
