# /// conda-script
# channels = ["nodefaults"]
# entrypoint = "sh ${SCRIPT}"
# dependencies.python = "*"
# /// end-conda-script

echo hello
