' conda execute
' env:
'  - mono
' run_with: mono

Module Hello
End Module
