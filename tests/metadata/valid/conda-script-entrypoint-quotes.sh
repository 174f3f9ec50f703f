# /// conda-script
# channels = ["conda-forge"]
# entrypoint = 'sh -c "a; b | c" "" ${SCRIPT}'
# dependencies.python = "*"
# /// end-conda-script

echo hello
