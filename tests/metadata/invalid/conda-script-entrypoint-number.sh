# /// conda-script
# channels = ["conda-forge"]
# entrypoint = 1
# dependencies.python = "*"
# /// end-conda-script

echo hello
