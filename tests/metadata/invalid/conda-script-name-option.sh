# /// conda-script
# channels = ["conda-forge"]
# entrypoint = "sh ${SCRIPT}"
# dependencies.--file = "*"
# /// end-conda-script

echo hello
