# /// conda-script
# channels = ["conda-forge"]
# entrypoint = 'sh "a'
# dependencies.python = "*"
# /// end-conda-script

echo hello
