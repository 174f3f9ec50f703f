# /// conda-script
# channels = ["conda-forge"]
# dependencies.python = "*"
# /// end-conda-script

echo hello
