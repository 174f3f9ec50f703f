# /// conda-script
# channels = ["conda-forge"]
# entrypoint = "sh ${SCRIPT}"
# dependencies.python = { when = "__win" }
# /// end-conda-script

echo hello
