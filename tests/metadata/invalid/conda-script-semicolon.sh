# /// conda-script
# channels = ["conda-forge"]
# entrypoint = 'true; sh'
# dependencies.python = "*"
# /// end-conda-script

echo hello
