# /// conda-script
# channels = ["conda-forge"]
# entrypoint = "sh ${SCRIPT}"
# dependencies.python = { url = "https://x/python.conda" }
# /// end-conda-script

echo hello
