  ! /// conda-script
  ! channels = ["conda-forge"]
  ! entrypoint = "gfortran ${SCRIPT}"
  ! dependencies = {
  !   gcc = '*',
  !   # a comment
  !   gfortran = "*",
  ! }
  ! /// end-conda-script

echo hello
