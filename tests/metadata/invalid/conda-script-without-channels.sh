# /// conda-script
# entrypoint = "sh ${SCRIPT}"
# dependencies.python = "*"
# /// end-conda-script

echo hello
