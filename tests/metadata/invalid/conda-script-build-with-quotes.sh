# /// conda-script
# channels = ["conda-forge"]
# entrypoint = "sh ${SCRIPT}"
# dependencies.python = { md5 = "x',channel='y" }
# /// end-conda-script

echo hello
