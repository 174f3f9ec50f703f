! conda execute
! env:
!  - gfortran
!  - make
! run_with: sh -c 'gfortran "$0" -o a.out && ./a.out'

program hello
  print *, 'hello'  ! and no more
end program hello
