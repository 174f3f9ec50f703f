# /// conda-script
# channels = ["conda-forge"]
# entrypoint = 'sh `x`'
# dependencies.python = "*"
# /// end-conda-script

echo hello
