# /// conda-script
# [script]
# channels = ["conda-forge"]
# entrypoint = "sh ${SCRIPT}"
# [script.dependencies]
# bash = "*"
# /// end-conda-script

echo hello
