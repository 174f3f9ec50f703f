# /// conda-script
# channels = ["conda-forge"]
# entrypoint = 'A=1 sh'
# dependencies.python = "*"
# /// end-conda-script

echo hello
