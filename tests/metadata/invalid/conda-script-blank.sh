# /// conda-script
# channels = ["conda-forge"]
# entrypoint = '  '
# dependencies.python = "*"
# /// end-conda-script

echo hello
