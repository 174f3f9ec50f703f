# /// conda-script
# channels = ["conda-forge"]
# entrypoint = "sh ${SCRIPT}"
# [target.linux.dependencies]
# bash = "*"
# /// end-conda-script

echo hello
