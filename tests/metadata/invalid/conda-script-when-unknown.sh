# /// conda-script
# channels = ["conda-forge"]
# entrypoint = "sh ${SCRIPT}"
# dependencies.python = { when = "__archspec" }
# /// end-conda-script

echo hello
