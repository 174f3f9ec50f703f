# /// conda-script
# channels = ["conda-forge"]
# entrypoint = "sh ${SCRIPT}"
# dependencies.python = { when = "__cuda ~=12" }
# /// end-conda-script

echo hello
