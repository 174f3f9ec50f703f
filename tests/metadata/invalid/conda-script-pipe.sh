# /// conda-script
# channels = ["conda-forge"]
# entrypoint = 'cat ${SCRIPT} | sh'
# dependencies.python = "*"
# /// end-conda-script

echo hello
