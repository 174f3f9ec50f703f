; conda execute
; env: [nsis]
; run_with: ./makensis

Section
SectionEnd
