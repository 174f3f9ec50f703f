# /// conda-script
# channels = ["conda-forge"]
# entrypoint = { linux-x86_64 = "sh ${SCRIPT}" }
# [dependencies]
# bash = "*"
# /// end-conda-script

echo hello
