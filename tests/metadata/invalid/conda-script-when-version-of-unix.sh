# /// conda-script
# channels = ["conda-forge"]
# entrypoint = "sh ${SCRIPT}"
# dependencies.python = { when = "__unix >=1" }
# /// end-conda-script

echo hello
