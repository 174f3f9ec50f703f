# /// conda-script
# channels = ["conda-forge"]
# entrypoint = "sh ${SCRIPT}"
# dependency.python = "*"
# /// end-conda-script

echo hello
