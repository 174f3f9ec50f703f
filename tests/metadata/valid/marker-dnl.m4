dnl conda execute
dnl env:
dnl  - m4
dnl run_with: m4

define(`hello', `world')dnl
hello
