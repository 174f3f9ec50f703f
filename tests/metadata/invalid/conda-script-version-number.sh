# /// conda-script
# channels = ["conda-forge"]
# entrypoint = "sh ${SCRIPT}"
# dependencies.python = 3.10
# /// end-conda-script

echo hello
