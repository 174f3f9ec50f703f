# /// conda-script
# channels = ["conda-forge"]
# entrypoint = 'sh $(true'
# dependencies.python = "*"
# /// end-conda-script

echo hello
