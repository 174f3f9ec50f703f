# /// conda-script
# channels = ["conda-forge"]
# entrypoint = { unix = "sh ${SCRIPT}", win = "cmd ${SCRIPT}" }
# dependencies.python = "*"
# /// end-conda-script

echo hello
