# /// conda-script
# channels = ["conda-forge"]
# entrypoint = "sh ${SCRIPT}"
# [dependencies]
# bash = "*"
# [tool.conda]
# dependencies = ["jq"]
# /// end-conda-script

echo hello
