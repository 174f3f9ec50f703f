# conda execute
# env:
#  - powershell

Write-Output 1
