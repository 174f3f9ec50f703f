# /// conda-script
# channels = ["conda-forge"]
# entrypoint = 'sh $()'
# dependencies.python = "*"
# /// end-conda-script

echo hello
