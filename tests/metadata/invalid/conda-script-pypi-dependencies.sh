# /// conda-script
# channels = ["conda-forge"]
# entrypoint = "sh ${SCRIPT}"
# [dependencies]
# bash = "*"
# [pypi-dependencies]
# six = "*"
# /// end-conda-script

echo hello
