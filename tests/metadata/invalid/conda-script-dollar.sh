# /// conda-script
# channels = ["conda-forge"]
# entrypoint = 'sh $HOME'
# dependencies.python = "*"
# /// end-conda-script

echo hello
